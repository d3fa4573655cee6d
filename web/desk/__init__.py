"""The operators' desk: pages inside the admin, and the audit log of all that is done there."""
