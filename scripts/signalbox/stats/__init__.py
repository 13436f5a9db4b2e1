"""The statistics that decisions rest on: small, pure functions that know no other room."""
