"""A notebook that is opened while no kernel runs it: pictures and texts instead of dead widgets.

JupyterLab prefers the view of a widget to what is saved beside it, and says "model not found" where
the kernel that made the view is gone. ``make lab`` starts JupyterLab with this class:
``--ServerApp.contents_manager_class=initlab.explorers.reopened.Contents``.
"""

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import ensure_async

VIEW = "application/vnd.jupyter.widget-view+json"
# Views that were found without a kernel. A kernel that has been started since has none of them.
_DEAD = set()


class Contents(AsyncLargeFileManager):
    """The files as JupyterLab serves them by itself, except for views that nothing can show."""

    async def get(self, path, *arguments, **named):
        """Return a file; of its dead views, only what is saved beside them is left."""
        model = await super().get(path, *arguments, **named)
        if model["type"] == "notebook" and model["content"]:
            cells = model["content"]["cells"]
            found = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
            views = [data for data in found if VIEW in data]
            if views and not await self._runs(path):
                _DEAD.update(data[VIEW]["model_id"] for data in views)
            for data in views:
                if data[VIEW]["model_id"] in _DEAD and len(data) > 1:
                    del data[VIEW]  # a picture remains, or the words of a bet
        return model

    async def _runs(self, path):
        sessions = await ensure_async(self.parent.session_manager.list_sessions())
        return any(session["path"] == path.strip("/") for session in sessions)
