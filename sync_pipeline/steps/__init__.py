"""How it flows: connect → capture → preview → select → promote → observe."""
