"""Characters in the resource API: how a person likes one to answer."""
