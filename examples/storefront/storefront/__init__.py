"""A small shop over HTTP: the service that takes the path to production in Signalbox's examples."""
