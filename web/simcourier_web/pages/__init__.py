"""The status page: server-rendered, kept current by a small script, whole without it."""
