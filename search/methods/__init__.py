"""Search methods: what to try next, and what to stop early."""
