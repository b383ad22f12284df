"""The tables of webhooks: service endpoints, the messages that can be listened to, the steps that do, failed jobs.

https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/entities/serviceendpoint and
https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/entities/sdkmessageprocessingstep
"""

from __future__ import annotations

from fieldcal.embedded.fieldservice.schema import Column, Table, lookup, option, yes_no

MESSAGES = ("Create", "Update", "Delete")
#: `contract` of a webhook, and what it sends the secret as
WEBHOOK, WEBHOOK_KEY, HTTP_HEADER, HTTP_QUERY = 8, 4, 5, 6
POST_OPERATION, ASYNCHRONOUS = 40, 1
#: `statuscode` of a system job
SUCCEEDED, FAILED = 30, 31

ENDPOINT = Table(
    "serviceendpoint",
    "serviceendpoints",
    "serviceendpointid",
    "name",
    (
        Column("name", "string", 160, required=True),
        Column("description", "string", 100),
        Column("url", "string", 2048),
        option(
            "contract",
            {
                1: "OneWay",
                2: "Queue",
                3: "Rest",
                4: "TwoWay",
                5: "Topic",
                6: "Queue (Persistent)",
                7: "Event Hub",
                8: "Webhook",
                9: "Event Grid",
            },
        ),
        option(
            "authtype",
            {
                1: "ACS",
                2: "SAS Key",
                3: "SAS Token",
                WEBHOOK_KEY: "Webhook Key",
                HTTP_HEADER: "Http Header",
                HTTP_QUERY: "Http Query String",
            },
        ),
        Column("authvalue", "memo", 2048, hidden=True),
        option("messageformat", {1: ".NETBinary", 2: "Json", 3: "TextXML"}, default=2),
    ),
    stateful=False,
)
MESSAGE = Table(
    "sdkmessage", "sdkmessages", "sdkmessageid", "name", (Column("name", "string", 256),), stateful=False
)  # fmt: skip
FILTER = Table(
    "sdkmessagefilter",
    "sdkmessagefilters",
    "sdkmessagefilterid",
    "name",
    (
        Column("name", "string", 256),
        Column("primaryobjecttypecode", "string", 128),
        lookup("sdkmessageid", "sdkmessage"),
    ),
    stateful=False,
)
STEP = Table(
    "sdkmessageprocessingstep",
    "sdkmessageprocessingsteps",
    "sdkmessageprocessingstepid",
    "name",
    (
        Column("name", "string", 256),
        Column("description", "string", 256),
        option("stage", {10: "Pre-validation", 20: "Pre-operation", POST_OPERATION: "Post-operation"}),
        option("mode", {0: "Synchronous", ASYNCHRONOUS: "Asynchronous"}),
        Column("rank", "integer"),
        option("supporteddeployment", {0: "Server Only", 1: "Outlook Only", 2: "Both"}),
        yes_no("asyncautodelete", default=False),
        Column("filteringattributes", "memo", 100_000),
        lookup("eventhandler", "serviceendpoint", nav="eventhandler_serviceendpoint", required=True),
        lookup("sdkmessageid", "sdkmessage", required=True),
        lookup("sdkmessagefilterid", "sdkmessagefilter", required=True),
    ),
)
JOB = Table(
    "asyncoperation",
    "asyncoperations",
    "asyncoperationid",
    "name",
    (
        Column("name", "string", 256),
        Column("message", "memo", 1_048_576),
        Column("messagename", "string", 160),
        Column("primaryentitytype", "string", 128),
        Column("correlationid", "guid"),
        Column("errorcode", "integer"),
        Column("retrycount", "integer", default=0),
        Column("completedon", "datetime"),
        option("statecode", {0: "Ready", 1: "Suspended", 2: "Locked", 3: "Completed"}, default=3),
        option("statuscode", {20: "In Progress", SUCCEEDED: "Succeeded", FAILED: "Failed", 32: "Canceled"}),
        lookup("owningextensionid", "sdkmessageprocessingstep"),
    ),
    stateful=False,
)

HOOK_TABLES = (ENDPOINT, MESSAGE, FILTER, STEP, JOB)
