"""The tables of server-side synchronization: server profiles, mailboxes, and the built-in sync's own mapping.

https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/entities/mailbox
"""

from __future__ import annotations

from fieldcal.embedded.fieldservice.schema import Column, Table, lookup, option, yes_no

TEST_STATUS = {0: "Not Run", 1: "Success", 2: "Failure"}
CREDENTIALS = {
    0: "Credentials Specified by a User or Queue",
    1: "Credentials Specified in Email Server Profile",
    2: "Server to Server Authentication",
    3: "Windows Integrated Authentication",
    4: "Without Credentials (Anonymous)",
    5: "Gmail Oauth",
    6: "Exchange Hybrid Modern Auth (HMA)",
    7: "Azure AD OAuth",
}

PROFILE = Table(
    "emailserverprofile",
    "emailserverprofiles",
    "emailserverprofileid",
    "name",
    (
        Column("name", "string", 100, required=True),
        option(
            "servertype",
            {
                0: "Exchange Server",
                1: "Other (POP3/SMTP)",
                2: "Exchange Server (Hybrid)",
                3: "Exchange Online (Hybrid)",
                4: "IMAP/SMTP",
            },
            default=0,
        ),
        option("incomingcredentialretrieval", CREDENTIALS, default=2),
        option("outgoingcredentialretrieval", CREDENTIALS, default=2),
        Column("exchangeonlinetenantid", "string", 36),
        yes_no("usedefaulttenantid", default=True),
        Column("minpollingintervalinminutes", "integer"),
        Column("maxconcurrentconnections", "integer", default=10),
    ),
)
MAILBOX = Table(
    "mailbox",
    "mailboxes",
    "mailboxid",
    "name",
    (
        Column("name", "string", 200, required=True),
        Column("emailaddress", "string", 100),
        lookup("regardingobjectid", "systemuser", nav="regardingobjectid_systemuser"),
        lookup("emailserverprofile", "emailserverprofile"),
        option(
            "actdeliverymethod",
            {0: "Microsoft Dynamics 365 for Outlook", 1: "Server-Side Synchronization", 2: "None"},
            default=2,
        ),
        option("actstatus", TEST_STATUS, default=0),
        option("incomingemailstatus", TEST_STATUS, default=0),
        option("outgoingemailstatus", TEST_STATUS, default=0),
        option("mailboxstatus", TEST_STATUS, default=0),
        option(
            "emailrouteraccessapproval",
            {0: "Empty", 1: "Approved", 2: "Pending Approval", 3: "Rejected"},
            default=0,
        ),
        yes_no("isemailaddressapprovedbyo365admin", default=False),
        yes_no("enabledforact", default=False),
        yes_no("enabledforincomingemail", default=False),
        yes_no("enabledforoutgoingemail", default=False),
        yes_no("testemailconfigurationscheduled", default=False),
        Column("testmailboxaccesscompletedon", "datetime"),
        yes_no("isactsyncorgflagset", default=False),
        yes_no("orgmarkedasprimaryforexchangesync", default=False),
        Column("lastsuccessfulsynccompletedon", "datetime"),
        Column("lastsyncerror", "string", 2048),
    ),
)
MAPPING = Table(
    "bookableresourcebookingexchangesyncidmapping",
    "bookableresourcebookingexchangesyncidmappings",
    "bookableresourcebookingexchangesyncidmappingid",
    "exchangeentryid",
    (
        Column("exchangeentryid", "string", 1024),
        lookup("bookableresourcebookingid", "bookableresourcebooking"),
        lookup("userid", "systemuser"),
        option("syncstatus", {0: "Completed", 1: "Retry", 2: "Pending"}, default=0),
        yes_no("isdeletedinexchange", default=False),
        Column("retries", "integer"),
        Column("lastsyncerror", "string", 2048),
    ),
    stateful=False,
)

MAIL_TABLES = (PROFILE, MAILBOX, MAPPING)
