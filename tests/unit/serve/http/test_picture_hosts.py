"""Pictures of other hosts are shown only where whoever serves allows them."""

import pytest

from dualnet.errors import UsageError
from dualnet.serve.http.sending import PAGE_HEADERS, page_headers


def policy(headers):
    return dict(headers)[b"content-security-policy"].decode()


def test_without_hosts_only_pictures_of_the_server_are_shown():
    assert "img-src 'self' blob:;" in policy(PAGE_HEADERS)
    assert page_headers() == PAGE_HEADERS


def test_hosts_are_named_with_https():
    assert "img-src 'self' blob: https://a.example https://*.b.example:8443;" in policy(
        page_headers(["a.example", "*.b.example:8443"])
    )


@pytest.mark.parametrize(
    "host",
    [
        "",
        "*",
        "https://a.example",
        "a.example/x",
        "a b",
        "a;script-src *",
        "'unsafe-inline'",
        "a.example,",
        "a..b",
        "ä.example",
        "a\n",
    ],
)
def test_what_is_no_host_is_refused(host):
    with pytest.raises(UsageError, match="is not a host of pictures"):
        page_headers([host])


def test_the_page_says_which_hosts_there_are(make_front):
    front = make_front(picture_hosts=("a.example",))
    for path in ("/", "/operate"):
        answer = front.ask("GET", path)
        assert 'name="picture-hosts" content="a.example"' in answer.text
        assert "https://a.example" in answer.headers["content-security-policy"]
    assert 'name="picture-hosts" content=""' in make_front().ask("GET", "/").text
