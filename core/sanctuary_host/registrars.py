"""For registrars of other makes of gateway: the names that their authors need, beside `hookimpl`."""

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.http import Answer, Gateway
from sanctuary_host.gateway.registrar import GatewayError, Plan, Registrar, Registration

__all__ = ["Answer", "Entry", "Gateway", "GatewayError", "Plan", "Registrar", "Registration"]
