"""Prose: dialogue marked, Markdown drawn, nothing active let through."""

import pytest

from web.rendering import render_prose


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "<p>plain</p>\n"),
        (
            'She said "come in" twice.',
            '<p>She said <span class="speech">"come in"</span> twice.</p>\n',
        ),
        ("“Curly,” he said.", '<p><span class="speech">“Curly,”</span> he said.</p>\n'),
        ('"I *love* it."', '<p><span class="speech">"I <em>love</em> it."</span></p>\n'),
        ("*She nods.* ok", "<p><em>She nods.</em> ok</p>\n"),
        (
            '*He said "yes" again*',
            '<p><em>He said <span class="speech">"yes"</span> again</em></p>\n',
        ),
        ('a "quote *that never" closes*', '<p>a "quote <em>that never" closes</em></p>\n'),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# Loud", "<h3>Loud</h3>\n"),
        ("###### Quiet", "<h6>Quiet</h6>\n"),
        ('`say "x"`', '<p><code>say "x"</code></p>\n'),
    ],
)
def test_prose_is_drawn(text, html):
    assert render_prose(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![a](https://elsewhere.example/pixel.png)",
        "[a](javascript:alert(1))",
        "[a](data:text/html,x)",
        '<a href="x" style="color:red" onclick="y()">z</a>',
        "<svg/onload=alert(1)>",
        "<iframe src='//elsewhere.example'></iframe>",
    ],
)
def test_prose_holds_nothing_active(text):
    html = render_prose(text)

    for piece in (
        "<script",
        "<img",
        "<svg",
        "<iframe",
        'href="javascript',
        'href="data',
        "<a style",
    ):
        assert piece not in html


def test_links_lead_away_without_trace():
    assert render_prose("[here](https://elsewhere.example/)") == (
        '<p><a href="https://elsewhere.example/" rel="noopener nofollow ugc">here</a></p>\n'
    )


def test_long_prose_is_drawn_like_short_prose():
    text = 'She said "hi". ' * 2000

    assert render_prose(text).count('class="speech"') == 2000
