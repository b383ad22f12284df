"""The REST API at `/api/v1`, over the same functions and the same permission table as pages and command line.

| module | what it is |
|---|---|
| `app` | the app: every resource there is, each route behind its gate, and the OpenAPI text |
| `resource` | how a module of `resources/` registers its routes; each names its `Action` |
| `caller` | who calls: a token, or a browser's session |
| `problem` | errors as RFC 9457 has them |
| `paging` | lists, a page at a time |
| `shapes` | the values that several resources show |
"""
