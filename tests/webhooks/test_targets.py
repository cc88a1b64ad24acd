"""Where we do not send: the address list, and the URLs that are refused when they are saved."""

import pytest

from webhooks import targets

INNER = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.1.2.3 169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255
192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe
100::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1::1 2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fe80::1 fe80::1%eth0 2606:4700::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1
""".split()
OUTER = """1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 2606:4700:4700::1111 2a00:1450:4001:81b::200e 2620:fe::fe""".split()


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_not_public(address):
    assert not targets.is_public(address)


@pytest.mark.parametrize("address", OUTER)
def test_an_outer_address_is_public(address):
    assert targets.is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.1.1.1.1", "1.1.1.1 "])
def test_what_is_no_address_is_not_public(text):
    assert not targets.is_public(text)


REFUSED = """
http://example.com/  ftp://example.com/  javascript:alert(1)  //example.com/  example.com/hooks  https://  https:///hooks
https://asha:secret@example.com/  https://asha@example.com/  https://example.com:22/  https://example.com:0/  https://example.com:70000/
https://localhost/  https://LOCALHOST./  https://app.localhost/  https://metadata.google.internal/  https://printer.local/  https://intranet/
https://127.0.0.1/  https://127.1/  https://2130706433/  https://0x7f000001/  https://0x7f.1/  https://0177.0.0.1/  https://①②⑦.0.0.1/
https://127。0。0。1/  https://ＬＯＣＡＬＨＯＳＴ/  https://[::1]/  https://[::ffff:127.0.0.1]/  https://[::127.0.0.1]/  https://[64:ff9b::a9fe:a9fe]/
https://[fe80::1%25eth0]/  https://169.254.169.254/latest/meta-data/  https://%31%32%37.0.0.1/  https://a..example.com/  https://-a.example.com/
https://example.com\\@127.0.0.1/  https://[::1  https://exa%00mple.com/
""".split()


@pytest.mark.parametrize(
    "url",
    [
        *REFUSED,
        "https://exa mple.com/",
        "https://example.com/\n",
        "https://example.com/\0",
        "https://e.com/" + "a" * 2048,
    ],
)
def test_a_url_to_an_inner_or_odd_place_is_refused(url):
    with pytest.raises(targets.Refused):
        targets.check(url, allows_private=False)


@pytest.mark.parametrize(
    ("url", "saved"),
    [
        ("https://example.com/hooks?a=1", "https://example.com/hooks?a=1"),
        ("https://example.com:8443/hooks", "https://example.com:8443/hooks"),
        ("https://Bücher.example/ä#top", "https://xn--bcher-kva.example/%C3%A4"),
        ("https://1.1.1.1/hooks", "https://1.1.1.1/hooks"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
    ],
)
def test_a_public_url_is_kept_as_it_will_be_requested(url, saved):
    assert targets.check(url, allows_private=False) == saved


def test_development_may_send_to_itself():
    assert targets.check("http://127.0.0.1:4000/hooks", allows_private=True) == "http://127.0.0.1:4000/hooks"
    assert targets.check("http://localhost:4000/", allows_private=True)


def test_even_development_takes_no_odd_numbers():
    with pytest.raises(targets.Refused):
        targets.check("http://0x7f000001/", allows_private=True)
