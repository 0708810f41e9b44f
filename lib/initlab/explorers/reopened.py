"""A notebook that is opened while no kernel runs it: pictures and texts instead of dead widgets.

JupyterLab prefers the view of a widget to what is saved beside it, and says "model not found" where
the kernel that made the view is gone. ``make lab`` starts JupyterLab with this class:
``--ServerApp.contents_manager_class=initlab.explorers.reopened.Contents``.
"""

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import ensure_async

VIEW = "application/vnd.jupyter.widget-view+json"


class Contents(AsyncLargeFileManager):
    """The files as JupyterLab serves them by itself, except for views that nothing can show."""

    async def get(self, path, *arguments, **named):
        """Return a file; without a kernel, views that have something beside them are left out."""
        model = await super().get(path, *arguments, **named)
        if model["type"] == "notebook" and model["content"] and not await self._runs(path):
            for cell in model["content"]["cells"]:
                for output in cell.get("outputs", []):
                    data = output.get("data", {})
                    if len(data) > 1:  # a picture, or the words of a bet that nobody has placed
                        data.pop(VIEW, None)
        return model

    async def _runs(self, path):
        sessions = await ensure_async(self.parent.session_manager.list_sessions())
        return any(session["path"] == path.strip("/") for session in sessions)
