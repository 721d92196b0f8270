"""TELLS: passes what happened on to the applications' endpoints (Standard Webhooks 1.0.0)."""
