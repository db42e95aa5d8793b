"""What touches aiohttp's own connections and responses: its private parts are used here alone."""
