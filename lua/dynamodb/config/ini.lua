--- The text of a shared config or credentials file as sections of properties.
--- Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files"; where it is silent, the parser
--- cases that AWS's SDKs share.

local ini = {}

local NAME = "^[%w_%-/.%%@:+]+$" -- of a section or a property; others are passed over, with all that they hold

---@param text string
---@return string
local function trim(text)
  return (text:match("^[ \t]*(.-)[ \t]*$"))
end

--- The kind and name of a section by its title: "profile x", "sso-session x", "services x" in the config file, a bare
--- name in the credentials file.
---@param title string
---@param is_credentials boolean
---@return "profile"|"sso-session"|"services"|nil kind    nil: nothing of ours
---@return string? name
---@return boolean? is_prefixed
local function classify(title, is_credentials)
  if is_credentials then
    if title:find(NAME) then return "profile", title, true end
    return nil
  end
  if title == "default" then return "profile", title, false end
  local kind, name = title:match("^(%S+)[ \t]+(.+)$")
  if (kind == "profile" or kind == "sso-session" or kind == "services") and name:find(NAME) then
    return kind, name, true
  end
end

---@class dynamodb.ini.Reader
---@field sections table         by kind, then by name
---@field credentials boolean
---@field section table?         what is being filled; one that is passed over has no place in `sections`
---@field property string?       the last property, which may be continued
---@field nested boolean?        it had no value: it has properties of its own
---@field plain_default table?   [default], which [profile default] makes void

---@param reader dynamodb.ini.Reader
---@param line string
---@return string? message
local function open_section(reader, line)
  local title = line:match("^%[([^#;]*)%][ \t]*$") or line:match("^%[([^#;]*)%][ \t]*[#;]")
  if not title then return "Profile definition must end with ']'" end
  title = trim(title)
  local kind, name, is_prefixed = classify(title, reader.credentials)
  reader.property, reader.nested, reader.section = nil, nil, {}
  if not kind then return end
  local sections = reader.sections[kind]
  if kind == "profile" and name == "default" and not is_prefixed then
    reader.plain_default = reader.plain_default or {}
    reader.section = reader.plain_default
    return
  end
  sections[name] = sections[name] or {}
  reader.section = sections[name]
end

---@param line string
---@return string
local function uncommented(line)
  return (line:gsub("[ \t][#;].*$", ""))
end

--- "name = value"; the name in lower case.
---@param line string
---@param what string    for the message: "property" or "sub-property"
---@return string? name
---@return string value_or_message
local function split(line, what)
  local name, value = line:match("^(.-)=(.*)$")
  if not name then return nil, ("Expected an '=' sign defining a %s"):format(what) end
  name = trim(name)
  if name == "" then return nil, ("%s did not have a name"):format((what:gsub("^%l", string.upper))) end
  return name:lower(), trim(value)
end

---@param reader dynamodb.ini.Reader
---@param line string
---@return string? message
local function add_property(reader, line)
  if not reader.section then return "Expected a profile definition" end
  local name, value = split(uncommented(line), "property")
  if not name then return value end
  reader.property, reader.nested = name, value == ""
  if name:find(NAME) then reader.section[name] = value end
end

--- An indented line belongs to the property above it, comment signs and all.
---@param reader dynamodb.ini.Reader
---@param line string
---@return string? message
local function continue_property(reader, line)
  if not reader.section then return "Expected a profile definition, found continuation" end
  local property = reader.property
  if not property then return "Expected a property definition, found continuation" end
  line = trim(line)
  if reader.nested and not line:find("^[#;]") then
    local name, message = split(line, "sub-property")
    if not name then return message end
  end
  local value = reader.section[property]
  if value then reader.section[property] = value .. "\n" .. line end
end

---@param text string
---@param is_credentials boolean
---@param file string              for messages
---@return table? sections         { profile = { [name] = { [property] = value } }, ["sso-session"] = …, services = … }
---@return string? message         "file:line: what is wrong"
function ini.parse(text, is_credentials, file)
  local sections = { profile = {}, ["sso-session"] = {}, services = {} }
  local reader = { sections = sections, credentials = is_credentials }
  local number = 0
  text = text:gsub("^\239\187\191", "") -- a byte order mark
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local message
    if trim(line) == "" or line:find("^[#;]") then -- luacheck: ignore 542
      -- blank, or a comment
    elseif line:find("^%[") then
      message = open_section(reader, line)
    elseif line:find("^[ \t]") then
      message = continue_property(reader, line)
    else
      message = add_property(reader, line)
    end
    if message then return nil, ("%s:%d: %s"):format(file, number, message) end
  end
  sections.profile.default = sections.profile.default or reader.plain_default
  return sections
end

--- The properties within a property: "\nname = value\nname2 = value2".
---@param text string
---@return table<string, string>
function ini.properties(text)
  local properties = {}
  for line in text:gmatch("[^\n]+") do
    local name, value = split(uncommented(line), "sub-property")
    if name and not name:find("^[#;]") then properties[name] = value end
  end
  return properties
end

return ini
