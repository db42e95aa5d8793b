import pytest

from ductile.http.content_negotiation import preferred_media

OFFERED = ("application/json", "text/markdown")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([], "application/json"),
        (["text/markdown"], "text/markdown"),
        (["application/json, text/markdown"], "application/json"),
        (["text/markdown, application/json"], "text/markdown"),
        (["text/markdown;q=0.9", "application/json"], "application/json"),
        (["text/*;q=0.2, application/*;q=0.3"], "application/json"),
        (["*/*, text/markdown;q=0.1"], "application/json"),
        (["*/*;q=0.1, text/markdown;q=0.2"], "text/markdown"),
        (["application/json;q=0"], "application/json"),
        (["application/json;q=0, text/*;q=0.001"], "text/markdown"),
        (["text/markdown; q=1.000 ; level=1"], "text/markdown"),
        (["text/markdown;q=1.5"], "application/json"),
        (["text/markdown;q=-1", "text/markdown;q=", "text/markdown;q=\u0661"], "application/json"),
        (["text / markdown", "markdown", "*", "/"], "application/json"),
        (["text/html," * 2000 + "text/markdown"], "text/markdown"),
    ],
)
def test_the_client_is_given_what_it_likes_best(fields: list[str], wanted: str) -> None:
    assert preferred_media(fields, OFFERED) == wanted
