"""Stand-ins for what lies outside, so that tests need not patch."""
