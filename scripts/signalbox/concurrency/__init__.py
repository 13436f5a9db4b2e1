"""How many runners, and what runs on each."""
