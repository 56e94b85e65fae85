"""The few drawn signs of the pages."""

from markupsafe import Markup

_SHAPES = {
    "menu": '<path d="M3 5h14M3 10h14M3 15h14"/>',
    "home": '<path d="M3.5 9.5 10 3.5l6.5 6V16.5h-4.5v-5h-4v5h-4.5z"/>',
    "switch": '<path d="m6.5 8 3.5-3.5L13.5 8M6.5 12l3.5 3.5 3.5-3.5"/>',
    "theme": '<circle cx="10" cy="10" r="6.5"/><path d="M10 3.5v13a6.5 6.5 0 0 0 0-13z" fill="currentColor"/>',
    "search": '<circle cx="9" cy="9" r="5.5"/><path d="m13 13 4 4"/>',
    "close": '<path d="m5 5 10 10M15 5 5 15"/>',
    "left": '<path d="m12 4.5-5.5 5.5 5.5 5.5"/>',
    "right": '<path d="m8 4.5 5.5 5.5-5.5 5.5"/>',
    "up": '<path d="M10 15.5v-11M5.5 9 10 4.5 14.5 9"/>',
    "down": '<path d="M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5"/>',
    "check": '<path d="m4.5 10.5 3.5 3.5 7.5-8"/>',
    "ignore": '<circle cx="10" cy="10" r="6.5"/><path d="m5.5 14.5 9-9"/>',
    "warn": '<path d="M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.300v.2"/>',
    "copy": '<rect x="7" y="7" width="9.5" height="9.5" rx="2"/>'
    '<path d="M13 7V5.5a2 2 0 0 0-2-2H5.5a2 2 0 0 0-2 2V11a2 2 0 0 0 2 2H7"/>',
    "open": '<path d="M8.5 4.5h-4v11h11v-4M11.5 3.5h5v5M16.5 3.5l-7 7"/>',
    "save": '<path d="M10 3.5v9.5M5.5 9l4.5 4.5L14.5 9M4 16.5h12"/>',
    "connect": '<path d="M7 3v4M13 3v4M5 7h10v2.5a5 5 0 0 1-10 0zM10 14.5v3"/>',
    "settings": '<path d="M3 6h7M15 6h2M3 14h2M10 14h7"/><circle cx="12.5" cy="6" r="2.2"/>'
    '<circle cx="7.5" cy="14" r="2.2"/>',
    "people": '<circle cx="8" cy="7" r="3"/><path d="M2.5 16.5a5.5 5.5 0 0 1 11 0"/>'
    '<path d="M12.5 4.3a3 3 0 0 1 0 5.4M14.5 12a5.5 5.5 0 0 1 3 4.5"/>',
    "plan": '<path d="M5.5 3.5h9v13h-9zM8 7.500h4M8 10.500h4M8 13.500h2"/>',
    "decide": '<path d="M10 16.500v-6M10 10.500 5 4.500M10 10.500l5-6M3.500 8V4.500H7M16.500 8V4.500H13"/>',
    "validate": '<path d="M10 3 16 5.500v4.500c0 3.500-2.500 6-6 7.200-3.500-1.200-6-3.700-6-7.200V5.500z"/>'
    '<path d="m7.500 10 2 2 3.500-4"/>',
    "keys": '<rect x="2.5" y="5" width="15" height="10" rx="2"/>'
    '<path d="M5.5 8h.1M8.5 8h.1M11.5 8h.1M14.5 8h.1M6.5 12h7"/>',
}


def icon(name: str) -> Markup:
    """A sign in the colour of the text beside it; screen readers pass over it."""
    return Markup(  # noqa: S704 - the shapes above
        '<svg class="icon" viewBox="0 0 20 20" width="16" height="16" fill="none" stroke="currentColor" '
        'stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
        f"{_SHAPES[name]}</svg>"
    )
