from __future__ import annotations

import pytest

from runback_hub.mqtt.settings import Scheme, Settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker", (Scheme.MQTT, "broker", 1883, "/mqtt", None, None)),
        ("mqtt://broker/", (Scheme.MQTT, "broker", 1883, "/mqtt", None, None)),
        ("mqtts://broker", (Scheme.MQTTS, "broker", 8883, "/mqtt", None, None)),
        ("mqtt://alex@broker:1884", (Scheme.MQTT, "broker", 1884, "/mqtt", "alex", None)),
        ("mqtt://a%40x:p%2Fw@broker", (Scheme.MQTT, "broker", 1883, "/mqtt", "a@x", "p/w")),
        ("mqtt://[::1]:1883", (Scheme.MQTT, "::1", 1883, "/mqtt", None, None)),
        ("ws://broker/", (Scheme.WS, "broker", 80, "/mqtt", None, None)),
        ("wss://broker:9001/path", (Scheme.WSS, "broker", 9001, "/path", None, None)),
    ],
)
def test_a_url_is_read(url: str, expected: tuple[object, ...]) -> None:
    read = Settings.from_url(url, client_id="hub")
    assert (read.scheme, read.host, read.port, read.path, read.username, read.password) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("broker:1883", "allowed begins with mqtt://, mqtts://, ws://, wss://"),
        ("http://broker", "allowed begins with mqtt://"),
        ("mqtt://", "allowed is mqtt://"),
        ("mqtt://broker/path", "allowed is mqtt://"),
        ("mqtt://broker?x=1", "allowed is mqtt://"),
        ("mqtt://broker:99999", "not a number from 1 to 65535"),
        ("mqtt://broker:0", "not a number from 1 to 65535"),
        ("mqtt://broker:port", "not a number from 1 to 65535"),
    ],
)
def test_a_wrong_url_is_explained(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings.from_url(url, client_id="hub")


@pytest.mark.parametrize("url", ["http://alex:Kilometre@broker", "mqtt://alex:Kilometre@broker:0", "x://a:Kilometre@b"])
def test_no_message_repeats_a_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"got|port") as caught:
        Settings.from_url(url, client_id="hub")
    assert "Kilometre" not in str(caught.value)


def test_the_password_of_a_file_wins_and_is_never_shown() -> None:
    given = "Kilometre"
    settings = Settings.from_url("mqtt://alex:other@broker", client_id="hub", password=given)
    assert settings.password == given
    assert given not in repr(settings)
    assert settings.address == "mqtt://broker:1883"
    assert Settings(host="::1", client_id="hub").address == "mqtt://[::1]:1883"
