"""The version of the service, as its API and the manifests of exports say it."""

VERSION = "0.1.0"
