--- Credentials that a program prints: `credential_process`. It is run without a shell.
--- Source: AWS SDKs and Tools Reference Guide, "Process credential provider".
local core = require "dynamodb.core"
local document = require "dynamodb.credentials.document"
local failure = require "dynamodb.credentials.failure"
local printable = require "dynamodb.printable"

local process_methods = { is_plain = true }
local process_mt = { __name = "dynamodb.credentials.process", __index = process_methods }

local TIMEOUT = 60 -- seconds

local NAMES = {
  key = "AccessKeyId", secret = "SecretAccessKey", token = "SessionToken", account = "AccountId",
  expires = "Expiration",
}

---@param settings table    command, account_id (of the profile), place
---@return table provider
local function new(settings)
  return setmetatable({ settings = settings, place = settings.place }, process_mt)
end

--- The words of a command line: blanks part them, quotes and backslashes keep them together as in a POSIX shell;
--- nothing is expanded.
---@param line string
---@return string[]? words
---@return string? message
local function split(line)
  local words, word, quote, at = {}, nil, nil, 1
  while at <= #line do
    local c = line:sub(at, at)
    if quote == "'" and c ~= "'" or quote == '"' and c ~= '"' and c ~= "\\" then
      word = word .. c
    elseif c == quote then
      quote = nil
    elseif c == "\\" then
      local following = line:sub(at + 1, at + 1)
      if following == "" then return nil, "ends with a backslash" end
      word = (word or "") .. ((quote and not following:find('["\\]')) and "\\" or "") .. following
      at = at + 1
    elseif c == "'" or c == '"' then
      quote, word = c, word or ""
    elseif c:find("%s") then
      words[#words + 1] = word
      word = nil
    else
      word = (word or "") .. c
    end
    at = at + 1
  end
  if quote then return nil, "has a quote that is not closed" end
  words[#words + 1] = word
  if not words[1] or words[1] == "" then return nil, "names no program" end
  return words
end

--- What the program said on its standard error: the end of it, on one line.
---@param text string
---@return string
local function complaint(text)
  text = printable(text:sub(-300)):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  return text ~= "" and ": " .. text or ""
end

--- Runs the program. What it prints is never shown.
---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function process_methods:get(runtime, deadline)
  local settings, place = self.settings, self.place
  if not runtime.execute then
    return failure(place .. ": programs cannot be run here: an nginx worker must not wait for one")
  end
  local words, message = split(settings.command)
  if not words then return failure(("%s: the command line %s"):format(place, message)) end
  local due = math.min(deadline or math.huge, runtime:now() + TIMEOUT)
  local result, err = runtime:execute(words, due)
  if not result then
    if err.code == "Stopped" or err.code == "DeadlineExceeded" and due == deadline then return nil, err end
    return failure(("%s: Error retrieving credentials: %s"):format(place, err.message))
  end
  if result.exit ~= 0 then
    return failure(("%s: Error retrieving credentials: external process %s%s"):format(place,
      result.signal and "was ended by signal " .. result.signal or "exited with code exit status: " .. result.exit,
      complaint(result.stderr)))
  end
  local given = core.json_decode(result.stdout)
  if type(given) ~= "table" then
    return failure(place .. ": Error retrieving credentials from external process, could not parse response: "
      .. "invalid JSON in response")
  end
  if given.Version ~= 1 then return failure(place .. ": the program's answer has a Version other than 1") end
  local credentials
  credentials, message = document.credentials(given, NAMES, place)
  if not credentials then return failure(("%s: the program's answer cannot be used: %s"):format(place, message)) end
  credentials.account_id = credentials.account_id or settings.account_id
  return credentials
end

return { new = new }
