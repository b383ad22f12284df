"""What Microsoft Entra's error codes mean for a service that signs in, and what helps.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from typing import Final

#: Codes that pass by themselves: time-outs, a directory or a budget that is out for the moment.
TRANSIENT: Final = frozenset({50196, 90006, 90012, 90024, 90033})

_APPLICATION = "check --client-id and --tenant"
_TENANT = "check --tenant, and that --authority is that of its cloud"
_FEDERATED = "compare the application's federated credential with the token's issuer, subject and audience"

#: Code -> what is the matter; what to do.
REMEDIES: Final = {
    7000215: "the client secret is wrong; keep the secret's value, not its id",
    7000222: "the client secret has expired; make a new one in the app registration and change what --secret names",
    700016: f"the tenant does not know this application; {_APPLICATION}",
    7000229: "the application has no service principal in the tenant; grant it consent there",
    7000112: "the application is disabled; enable it under Enterprise applications",
    90002: f"there is no such tenant; {_TENANT}",
    900023: f"there is no such tenant; {_TENANT}",
    700027: "the certificate is not registered with the application, or has expired; upload it to the app registration",
    700030: "the certificate's subject is not the one that the application expects; check the app registration",
    50027: "the assertion is not valid; check the certificate or the token file",
    700021: f"the assertion was made for another application; {_APPLICATION}",
    700023: f"the assertion was made for another tenant or cloud; {_TENANT}",
    700024: "the assertion is outside its time; check this machine's clock and that the token file is renewed",
    70021: f"no federated credential fits the token; {_FEDERATED}",
    700211: f"no federated credential names the token's issuer; {_FEDERATED}",
    700212: f"no federated credential names the token's audience; {_FEDERATED}",
    700213: f"no federated credential names the token's subject; {_FEDERATED}",
    53003: "a conditional access policy blocks it; have this application exempted or its address allowed",
    500011: "the tenant does not know the service at --url; check --url and --tenant",
    500014: "the service at --url is disabled in the tenant; enable it under Enterprise applications",
    70011: "the service at --url is not one that Entra signs in to; check --url",
    1002012: "the service at --url is not one that Entra signs in to; check --url",
}
