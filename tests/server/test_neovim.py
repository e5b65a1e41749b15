"""A real editor: Neovim opens the demo's shop, shows what is found, and applies a fix."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mypy_asyncsession.fixes.engine.driver import fix
from mypy_asyncsession.fixes.engine.guard import Guard
from tests.server.editor import without_packages

SHOP = Path(__file__).parents[2] / "test-data" / "demo" / "shop"

#: Written for the oldest Neovim that Debian has, 0.7.
SCRIPT = """
local root, command, out = unpack(vim.fn.json_decode(vim.env.ARGUMENTS))
vim.cmd('edit ' .. root .. '/shop/orders.py')
local client = vim.lsp.start_client({
  name = 'mypy-asyncsession', cmd = command, root_dir = root,
  workspace_folders = {{ uri = vim.uri_from_fname(root), name = 'shop' }},
})
vim.lsp.buf_attach_client(0, client)
local found = {}
vim.wait(90000, function()
  found = vim.diagnostic.get(0)
  return #found > 0
end, 50)
local result = { shown = {} }
for _, each in ipairs(found) do
  table.insert(result.shown, { each.lnum + 1, each.code, each.message })
end
local params = {
  textDocument = vim.lsp.util.make_text_document_params(0),
  range = {
    start = { line = found[1].lnum, character = 0 },
    ['end'] = { line = found[1].lnum, character = 99 },
  },
  context = { diagnostics = {} },
}
local function ask(method, params)
  local answer = vim.lsp.buf_request_sync(0, method, params, 90000)
  return answer[client].result
end
for _, action in ipairs(ask('textDocument/codeAction', params)) do
  if action.isPreferred then
    result.title = action.title
    local resolved = ask('codeAction/resolve', action)
    vim.lsp.util.apply_workspace_edit(resolved.edit, 'utf-16')
  end
end
local lines = vim.api.nvim_buf_get_lines(0, 0, -1, true)
result.text = table.concat(lines, '\\n') .. '\\n'
result.gone = vim.wait(90000, function() return #vim.diagnostic.get(0) == 0 end, 50)
vim.fn.writefile({ vim.fn.json_encode(result) }, out)
vim.lsp.stop_client(client)
vim.cmd('qall!')
"""


def test_neovim(tmp_path: Path) -> None:
    neovim = shutil.which("nvim")
    if neovim is None:
        pytest.skip("Neovim is not installed: the server was not tried in a real editor")
    shutil.copytree(SHOP, tmp_path / "shop")
    without_packages(tmp_path)
    script = tmp_path / "script.lua"
    script.write_text(SCRIPT)
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "mypy_asyncsession", "server"]
    subprocess.run(
        [neovim, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}"],
        cwd=tmp_path,
        env={
            "ARGUMENTS": json.dumps([str(tmp_path), command, str(out)]),
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
        },
        timeout=200,
        check=True,
        capture_output=True,
    )
    result = json.loads(out.read_text())
    [(line, code, message)] = result["shown"]
    assert (line, code) == (16, "session-with")
    assert message.startswith('"get_db" is an async generator')
    assert result["title"].startswith("Fix session-with")
    assert result["gone"]
    written = {
        each.path: each.new for each in fix(["shop"], Guard(str(tmp_path), writes=False)).edited
    }
    assert result["text"] == written["shop/orders.py"].decode()
    assert (tmp_path / "shop/orders.py").read_text() == (SHOP / "orders.py").read_text()
