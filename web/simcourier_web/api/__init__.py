"""The JSON API (`/v1/...`, health and metrics)."""
