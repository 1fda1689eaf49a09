--- A caller's bug raises, and the message points at the caller's line, however deep in the library it was noticed.
local debug, error, type = debug, error, type

local usage = {}

-- "@…/lua/dynamodb/usage.lua" -> "@…/lua/dynamodb": the module file and the directory share this beginning.
local own_source = debug.getinfo(1, "S").source
local library = own_source:match("^(.*)[/\\]usage%.lua$")

--- Is it a file of this library's?
---@param source string    as `debug.getinfo` gives it
---@return boolean
function usage.is_ours(source)
  if not library or source:sub(1, #library) ~= library then return false end
  local rest = source:sub(#library + 1)
  return rest == ".lua" or rest:find("^[/\\]") ~= nil
end

--- Raises `message`, positioned at the nearest stack level that is neither C nor a file of this library; without a
--- position if there is none.
---@param message string    what is wrong and which argument or option it concerns
function usage.raise(message)
  local level = 2
  local info = debug.getinfo(level, "S")
  while info do
    if info.what ~= "C" and not usage.is_ours(info.source) then error(message, level) end
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  error(message, 0) -- the bottom of a coroutine is the library's own: coroutine.wrap(db.call)
end

--- Raises unless `value` has the wanted type.
---@param value any
---@param wanted string    a Lua type name
---@param name string      the argument, as the caller knows it
function usage.check_type(value, wanted, name)
  if type(value) ~= wanted then
    usage.raise(("%s must be a %s, not %s"):format(name, wanted, value == nil and "nil" or "a " .. type(value)))
  end
end

--- Are the two names one edit apart (a letter more, less, other, or two swapped), or the same but for case?
---@param a string
---@param b string
---@return boolean
local function is_near(a, b)
  a, b = a:lower(), b:lower()
  if a == b then return true end
  local short, long = a, b
  if #a > #b then short, long = b, a end
  if #long - #short > 1 or #long < 3 then return false end
  local i = 1
  while short:byte(i) and short:byte(i) == long:byte(i) do i = i + 1 end
  if #short == #long then
    if short:sub(i + 1) == long:sub(i + 1) then return true end
    return short:sub(i, i) == long:sub(i + 1, i + 1) and short:sub(i + 1, i + 1) == long:sub(i, i)
      and short:sub(i + 2) == long:sub(i + 2)
  end
  return short:sub(i) == long:sub(i + 1)
end

--- The known name that `name` was probably meant to be: one edit or a case slip away.
---@param name string
---@param known table<string, any>    the known names are its keys
---@return string?
function usage.nearest(name, known)
  local best
  for candidate in pairs(known) do
    if is_near(name, candidate) and (not best or candidate < best) then best = candidate end
  end
  return best
end

--- What is wrong with the first name in `given` that is not in `known`, with the name that was probably meant.
---@param given table
---@param known table<string, any>    the known names are its keys
---@param what string                 what the names are, e.g. "option of connect"
---@return string? message            nil if all of them are known
function usage.unknown_name(given, known, what)
  for name in pairs(given) do
    if type(name) ~= "string" then return ("%s: names are strings, not %s"):format(what, type(name)) end
    if known[name] == nil then
      local meant = usage.nearest(name, known)
      if meant then return ("unknown %s %q; did you mean %q?"):format(what, name, meant) end
      local all = {}
      for known_name in pairs(known) do all[#all + 1] = known_name end
      table.sort(all)
      return ("unknown %s %q; known are: %s"):format(what, name, table.concat(all, ", "))
    end
  end
end

--- Raises on the first name in `given` that is not in `known`.
---@param given table                 an options table
---@param known table<string, any>    the known names are its keys
---@param what string                 what the names are
function usage.check_names(given, known, what)
  local message = usage.unknown_name(given, known, what)
  if message then usage.raise(message) end
end

return usage
