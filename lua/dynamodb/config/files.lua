--- The shared config and credentials files: where they are, and what they hold together.
--- Source: AWS SDKs and Tools Reference Guide, "Location of the shared config and credentials files".
local ini = require "dynamodb.config.ini"

local files = {}

local ENOENT, EACCES, ENOTDIR = 2, 13, 20

---@class dynamodb.SharedConfig
---@field profiles table<string, table<string, string>>    properties by profile; their names are in lower case
---@field sso_sessions table<string, table<string, string>>
---@field services table<string, table<string, table<string, string>>>    by section, service and property

--- What the texts of the two files say together: the credentials file wins, property by property.
---@param config_text string?         none is like an empty one
---@param credentials_text string?
---@param names table?                of the files, for messages: config, credentials
---@return dynamodb.SharedConfig?
---@return string? message            names file and line
function files.parse(config_text, credentials_text, names)
  names = names or {}
  local config, message = ini.parse(config_text or "", false, names.config or "config")
  if not config then return nil, message end
  local credentials
  credentials, message = ini.parse(credentials_text or "", true, names.credentials or "credentials")
  if not credentials then return nil, message end
  local profiles = config.profile
  for name, properties in pairs(credentials.profile) do
    profiles[name] = profiles[name] or {}
    for property, value in pairs(properties) do profiles[name][property] = value end
  end
  local services = {}
  for name, properties in pairs(config.services) do
    services[name] = {}
    for service, text in pairs(properties) do services[name][service] = ini.properties(text) end
  end
  return { profiles = profiles, sso_sessions = config["sso-session"], services = services }
end

--- The user's home directory.
---@param environment table<string, string>
---@return string?
function files.home(environment)
  local drive, path = environment.HOMEDRIVE, environment.HOMEPATH
  return environment.HOME or environment.USERPROFILE or drive and path and drive .. path or nil
end

--- A file in the user's .aws directory.
---@param environment table<string, string>
---@param ... string    the parts of its path
---@return string?      nil if nobody is at home
function files.aws_path(environment, ...)
  local home = files.home(environment)
  if not home then return nil end
  local separator = home:find("^%a:\\") and "\\" or "/"
  return table.concat({ home, ".aws", ... }, separator)
end

--- A path as the user wrote it, `~` as the user's home.
---@param environment table<string, string>
---@param path string
---@return string
function files.expand(environment, path)
  local home = files.home(environment)
  if home and path:find("^~[/\\]") then return home .. path:sub(2) end
  return path
end

--- Where the two files are.
---@param environment table<string, string>
---@return string? config
---@return string? credentials
function files.locations(environment)
  local config, credentials = environment.AWS_CONFIG_FILE, environment.AWS_SHARED_CREDENTIALS_FILE
  return config and files.expand(environment, config) or files.aws_path(environment, "config"),
    credentials and files.expand(environment, credentials) or files.aws_path(environment, "credentials")
end

--- The text of a file.
---@param path string
---@return string?
---@return string? message     "… cannot be read: No such file or directory"
---@return boolean? is_missing
---@return boolean? is_denied
function files.read(path)
  local file, message, code = io.open(path, "rb")
  local text
  if file then
    text, message = file:read("*a")
    file:close()
  end
  if text then return text end
  local reason = tostring(message):gsub("^.*: ", "")
  return nil, ("%s cannot be read: %s"):format(path, reason), code == ENOENT or code == ENOTDIR, code == EACCES
end

--- The shared files, read. One that is not there is empty; so is one that nobody named and that is another user's:
--- a worker of nginx still has the home of the root user who started it.
---@param environment table<string, string>
---@return dynamodb.SharedConfig?
---@return string? message
function files.load(environment)
  local texts, names = {}, {}
  names.config, names.credentials = files.locations(environment)
  local named = { config = environment.AWS_CONFIG_FILE, credentials = environment.AWS_SHARED_CREDENTIALS_FILE }
  for kind, path in pairs(names) do
    local text, message, is_missing, is_denied = files.read(path)
    if not text and not is_missing and (named[kind] or not is_denied) then return nil, message end
    texts[kind] = text
  end
  return files.parse(texts.config, texts.credentials, names)
end

return files
