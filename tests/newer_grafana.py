"""What Grafana 12 and 13 answer otherwise than 9, as far as provision asks them.

Sources: Grafana's documentation of its legacy HTTP API in 13; pkg/api/dashboard.go (406, v2).
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.answering import Reply, Request


@dataclass
class NewerGrafana:
    """Keeps dashboards by uid, each as a list of (what was saved, message, by whom)."""

    kept: dict[str, list[tuple[dict[str, Any], str, str]]] = field(default_factory=dict)
    newer: set[str] = field(default_factory=set)
    folders: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    datasources: list[dict[str, Any]] = field(
        default_factory=lambda: [{"uid": "metrics", "name": "Metrics", "type": "influxdb"}]
    )
    version: str = "13.1.0"
    asked: list[str] = field(default_factory=list)

    def save(self, uid: str, dashboard: dict[str, Any], message: str, by: str) -> None:
        """Save as a person does, or another program."""
        self.kept.setdefault(uid, []).append((copy.deepcopy(dashboard), message, by))

    def __call__(self, request: Request) -> Reply:
        url = urlsplit(request.path)
        self.asked.append(f"{request.method} {url.path}")
        body = json.loads(request.body) if request.body else {}
        status, answer = self._answer(
            request.method, url.path.removeprefix("/api/"), parse_qs(url.query), body
        )
        return Reply(json.dumps(answer), status, headers={"Content-Type": "application/json"})

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any]:
        parts = [unquote(part) for part in path.split("/")]
        match [method, *parts]:
            case ["GET", "health"]:
                return 200, {"database": "ok", "version": self.version}
            case ["GET", "datasources"]:
                return 200, self.datasources
            case ["GET", "datasources", "uid", _, "health"]:
                return 200, {"status": "OK"}
            case ["GET", "search"]:
                if query["type"] == ["dash-folder"]:
                    return 200, [{"uid": k, "title": v} for k, v in self.folders.items()]
                return 200, [{"uid": u, "title": v[-1][0]["title"]} for u, v in self.kept.items()]
            case ["GET", "folders", _]:
                return 404, {"message": "folder not found"}
            case ["POST", "folders"]:
                self.folders["f1"] = body["title"]
                return 200, {"uid": "f1", "title": body["title"]}
            case ["POST", "dashboards", "db"]:
                return self._save(body)
            case [_, "dashboards", "uid", uid, *_] if uid not in self.kept:
                return 404, {"message": "Dashboard not found"}
            case ["GET", "dashboards", "uid", uid]:
                return self._get(uid)
            case ["DELETE", "dashboards", "uid", uid]:
                del self.kept[uid]
                return 200, {"message": "deleted"}
            case ["GET", "dashboards", "uid", uid, "versions"]:
                rows = [self._version(uid, i + 1) for i in range(len(self.kept[uid]))]
                return 200, {"continueToken": "", "versions": rows[::-1]}
            case ["GET", "dashboards", "uid", uid, "versions", number]:
                data, _, _ = self.kept[uid][int(number) - 1]
                return 200, {**self._version(uid, int(number)), "data": data}
            case ["GET", "", "apis", *_, uid]:
                data, message, _ = self.kept[uid][-1]
                notes = {"grafana.app/message": message}
                metadata = {"name": uid, "generation": len(self.kept[uid]), "annotations": notes}
                return 200, {"metadata": metadata, "spec": {"title": data["title"], "elements": {}}}
        return 404, {"message": f"Not found: {path}"}

    def _version(self, uid: str, number: int) -> dict[str, Any]:
        _, message, by = self.kept[uid][number - 1]
        created = "2026-11-02T10:00:00Z"
        return {"version": number, "message": message, "createdBy": by, "created": created}

    def _get(self, uid: str) -> tuple[int, Any]:
        if uid in self.newer:
            path = f"/apis/dashboard.grafana.app/v2/namespaces/default/dashboards/{uid}"
            message = f"dashboard api version not supported, use {path} instead"
            return 406, {"message": message}
        data = copy.deepcopy(self.kept[uid][-1][0])
        # It migrates what it reads.
        data |= {"id": 7, "version": len(self.kept[uid]), "schemaVersion": 42, "preload": False}
        for panel in data.get("panels", ()):
            panel["pluginVersion"] = "13.1.0"
            steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {})
            for step in steps.get("steps", ())[:1]:
                step["value"] = 0
        folder = self.where.get(uid, "")
        meta = {"folderUid": folder, "folderTitle": self.folders.get(folder, "General")}
        return 200, {"dashboard": data, "meta": meta}

    def _save(self, body: Any) -> tuple[int, Any]:
        dashboard = body["dashboard"]
        uid = dashboard["uid"]
        if dashboard["version"] != len(self.kept.get(uid, ())):
            said = "The dashboard has been changed by someone else"
            return 412, {"message": said, "status": "version-mismatch"}
        self.save(uid, dashboard, body["message"], "sa-provision")
        self.newer.discard(uid)
        self.where[uid] = body["folderUid"]
        return 200, {"status": "success", "version": len(self.kept[uid]), "uid": uid}
