from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_hub.mqtt.errors import CannotConnect
from runback_hub.mqtt.settings import Scheme, TlsFiles, Version
from tests.brokers import Authority, Mosquitto, Program, free_port
from tests.mqtt_peers import Hub, hub_settings, other_client


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_broker(authority: Authority, tmp_path: Path) -> Iterator[Mosquitto]:
    certificate, key = authority.issue("broker")
    lines = [f"cafile {authority.certificate}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true"]
    with Mosquitto(tmp_path / "broker", listener_lines=lines) as running:
        yield running


async def test_tls_with_an_authority_and_certificates_of_our_own(authority: Authority, tls_broker: Mosquitto) -> None:
    certificate, key = authority.issue("client")
    files = TlsFiles(ca_file=authority.certificate, cert_file=certificate, key_file=key)
    settings = hub_settings(tls_broker.port, tls=files, scheme=Scheme.MQTTS)
    payloads = [bytes([number]) * (number * 997) for number in range(100)]
    async with (
        Hub(settings, "in/#") as hub,
        other_client(tls_broker.port, tls=files, scheme=Scheme.MQTTS) as friend,
    ):
        await hub.connected()
        for payload in payloads:
            await friend.publish("in/fit", payload)
        assert [message.payload for message in await hub.take(100)] == payloads


async def test_a_certificate_of_a_stranger_is_not_trusted(tls_broker: Mosquitto) -> None:
    async with Hub(hub_settings(tls_broker.port, scheme=Scheme.MQTTS)) as hub:
        with pytest.raises(CannotConnect, match="certificate is not trusted"):
            await hub.session.wait_connected(0.5)


async def test_a_certificate_for_another_host_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("elsewhere", host="broker.example")
    lines = [f"certfile {certificate}", f"keyfile {key}"]
    files = TlsFiles(ca_file=authority.certificate)
    with Mosquitto(tmp_path / "broker", listener_lines=lines) as broker:
        async with Hub(hub_settings(broker.port, scheme=Scheme.MQTTS, tls=files)) as hub:
            with pytest.raises(CannotConnect, match="certificate is not trusted: IP address mismatch"):
                await hub.session.wait_connected(0.5)


async def test_a_file_that_can_not_be_read_is_named(tls_broker: Mosquitto, tmp_path: Path) -> None:
    files = TlsFiles(ca_file=tmp_path / "missing.crt")
    async with Hub(hub_settings(tls_broker.port, scheme=Scheme.MQTTS, tls=files)) as hub:
        with pytest.raises(CannotConnect, match=r"broker_tls.ca_file: .*missing.crt can not be read"):
            await hub.session.wait_connected(0.5)


async def test_websockets(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "rumqttd.toml"
    config.write_text(
        f"""
id = 0
[router]
id = 0
max_connections = 10
max_outgoing_packet_count = 200
max_segment_size = 20971520
max_segment_count = 2
[ws.1]
name = "ws"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[ws.1.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 100
""",
        encoding="utf-8",
    )
    command = (sys.executable, "-m", "iotcore", "--log-level", "CRITICAL", "--config", str(config))
    websocket = {"scheme": Scheme.WS, "version": Version.MQTT_311}  # all that this broker speaks there
    with Program(port, *command):
        async with Hub(hub_settings(port, **websocket), "in/#") as hub, other_client(port, **websocket) as friend:
            await hub.connected()
            payloads = [bytes([number]) * (number * 1999) for number in range(50)]
            for payload in payloads:
                await friend.publish("in/fit", payload)
            received = await hub.take(50)
            assert [message.payload for message in received] == payloads
            hub.session.acknowledge(message.token for message in received)
            await hub.session.deliver("out", b"x" * 300_000)
