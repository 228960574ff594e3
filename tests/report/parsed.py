"""A page as a browser would read it, as far as tests need it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "input", "br", "img", "link", "hr", "source"}


class Parsed(HTMLParser):
    """All tags with their attributes, and the text inside each kind of tag.

    Attributes:
        tags: name and attributes of each, in their order.
        inside: of `style`, `script` and the like: the text of each, with the attributes.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[tuple[dict[str, str | None], str]]] = {}
        self.unclosed: list[str] = []
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag; what is void has no end."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag of SVG that ends itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Keep what stood inside."""
        name, attributes, text = self._open.pop()
        if name != tag:
            self.unclosed.append(name)
        self.inside.setdefault(tag, []).append((attributes, "".join(text)))

    def handle_data(self, data: str) -> None:
        """Text belongs to all that are open."""
        for _, _, text in self._open:
            text.append(data)

    def text(self, tag: str) -> list[str]:
        """What stands in each tag of a kind."""
        return [text for _, text in self.inside.get(tag, [])]
