"""What `service` and `api` have become."""

from urllib.parse import urlsplit

from ductile.config.schema.api import ApiSection
from ductile.config.schema.service import ServiceSection
from ductile.model.output import OutputRules
from ductile.model.proxies import UNIX_PEER, Proxies, parse_network
from ductile.model.snapshot import Api, Service


def compile_service(section: ServiceSection) -> Service:
    """The settings of the process."""
    values = section.model_dump(exclude={"admission", "output"})
    lists = {"inherit_env": tuple(section.inherit_env), "trusted_owners": tuple(section.trusted_owners)}
    return Service(**{**values, **lists, "output": OutputRules(**section.output.model_dump())})


def compile_api(section: ApiSection | None) -> Api:
    """Without the section there is no HTTP side."""
    written = section or ApiSection(enabled=False)
    return Api(
        enabled=written.enabled,
        listen=written.listen,
        max_concurrent_sync=written.max_concurrent_sync,
        max_waits_per_principal=written.max_waits_per_principal or -(-written.max_concurrent_sync // 2),
        max_streams_per_principal=written.max_streams_per_principal,
        max_connections=written.max_connections,
        max_connections_per_address=written.max_connections_per_address,
        header_timeout=written.header_timeout,
        body_timeout=written.body_timeout,
        write_timeout=written.write_timeout,
        keepalive_timeout=written.keepalive_timeout,
        max_sync_timeout=written.max_sync_timeout,
        max_body_size=written.max_body_size,
        max_body_values=written.max_body_values,
        allowed_origins=tuple(written.allowed_origins),
        metrics_public=written.metrics_public,
        public_url=written.public_url or "",
        prefix=urlsplit(written.public_url or "").path,
        trusted_proxies=Proxies(
            networks=tuple(parse_network(one) for one in written.trusted_proxies if one != UNIX_PEER),
            unix=UNIX_PEER in written.trusted_proxies,
        ),
    )
