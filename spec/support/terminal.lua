--- A terminal with a shell in it: tmux keeps it, and tells what stands on its screen.
local posix = require "spec.support.posix"
local process = require "spec.support.process"

local terminal_methods = {}
local terminal_mt = { __name = "spec.Terminal", __index = terminal_methods }

local terminal = {}

--- Is there a tmux?
---@return boolean
function terminal.exists()
  local found = os.execute "command -v tmux > /dev/null 2>&1"
  return found == true or found == 0
end

local function tmux(self, ...)
  local code, output, errors = process.run {
    "tmux", "-S", self.socket, "-f", "/dev/null", env = { LD_PRELOAD = "", TERM = "xterm" }, ...,
  }
  assert(code == 0, errors)
  return output
end

--- Opens one.
---@param options table    columns, env
---@return table
function terminal.open(options)
  local self = setmetatable({ socket = process.temporary() }, terminal_mt)
  local words = { "env", "LD_PRELOAD=" .. (os.getenv "LD_PRELOAD" or "") }
  for name, value in pairs(options.env) do words[#words + 1] = name .. "=" .. value end
  for i, word in ipairs(words) do words[i] = "'" .. word .. "'" end
  tmux(self, "new-session", "-d", "-x", tostring(options.columns), "-y", "40",
    table.concat(words, " ") .. " PS1='$ ' sh")
  return self
end

--- Types a line, and Enter.
---@param text string
function terminal_methods:type(text)
  tmux(self, "send-keys", "-l", text)
  tmux(self, "send-keys", "Enter")
end

--- Presses a key: "C-c".
---@param key string
function terminal_methods:press(key)
  tmux(self, "send-keys", key)
end

--- What stands on the screen.
---@return string
function terminal_methods:screen()
  return tmux(self, "capture-pane", "-p")
end

--- Waits until something stands on the screen.
---@param pattern string
---@return string screen
function terminal_methods:await(pattern)
  local screen
  local seen = process.await(60, function()
    screen = self:screen()
    if screen:find(pattern) then return true end
    posix.sleep(0.05)
  end)
  assert(seen, ("%q never stood on the screen:\n%s"):format(pattern, screen))
  return screen
end

--- Ends the shell and what runs in it.
function terminal_methods:close()
  tmux(self, "kill-server")
end

return terminal
