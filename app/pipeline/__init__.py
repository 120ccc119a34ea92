"""The pure domain: no network, no clock, no framework, no settings."""
