"""Stands in for Jira Cloud, ServiceNow and Elasticsearch: answers what they answer, and refuses what they document to refuse."""

import base64
import http.server
import json
import sys


def jira(body):
    fields = json.loads(body)["fields"]
    assert set(fields) <= {"project", "issuetype", "summary", "description", "labels"}, "unknown field"
    assert set(fields["project"]) == {"key"} and set(fields["issuetype"]) == {"name"}, "project and issuetype are objects"
    assert 0 < len(fields["summary"]) <= 255 and "\n" not in fields["summary"], "summary: one line, at most 255"
    assert isinstance(fields["description"], str) and len(fields["description"]) <= 32767, "description: at most 32767"
    assert "**" not in fields["description"] and "`" not in fields["description"], "Markdown is no wiki text"
    assert all(" " not in label and 0 < len(label) <= 255 for label in fields["labels"]), "labels have no blanks"
    return 201, {"id": "10000", "key": "NOC-1"}


def servicenow(body):
    record = json.loads(body)
    assert all(isinstance(value, str) for value in record.values()), "values of records are strings"
    assert len(record["short_description"]) <= 160, "short_description: at most 160"
    assert len(record["description"]) <= 4000, "description: at most 4000"
    assert len(record["correlation_id"]) <= 100, "correlation_id: at most 100"
    assert record["impact"] in ("1", "2", "3"), "impact: 1, 2 or 3"
    return 201, {"result": {"number": "INC0010001"}}


def elastic(body):
    assert body.endswith(b"\n"), "the bulk body ends with a newline"
    lines = body[:-1].split(b"\n")
    assert lines and len(lines) % 2 == 0, "a line of action before each of data"
    for action, data in zip(lines[::2], lines[1::2]):
        action = json.loads(action)
        assert list(action) == ["index"], "one action a line"
        index = action["index"]["_index"]
        assert index == index.lower() and not index.startswith(("-", "_", "+")), "names of indices"
        assert len(action["index"].get("_id", "").encode()) <= 512, "_id: at most 512 bytes"
        assert isinstance(json.loads(data), dict), "data are objects"
    return 200, {"errors": False, "items": len(lines) // 2}


PLACES = {
    "/rest/api/2/issue": (jira, "application/json"),
    "/api/now/table/incident": (servicenow, "application/json"),
    "/_bulk": (elastic, "application/x-ndjson"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            answer, content_type = PLACES[self.path]
            assert self.headers["Content-Type"] == content_type, "Content-Type"
            assert self.headers["Authorization"] == "Basic " + base64.b64encode(b"robot:token").decode(), "Authorization"
            status, said = answer(body)
        except Exception as error:
            status, said = 400, {"error": repr(error)}
        said = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
