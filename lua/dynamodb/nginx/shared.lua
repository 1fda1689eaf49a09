--- What the workers of an nginx have in common: its shared dictionaries. Can be loaded everywhere.
local usage = require "dynamodb.usage"

local shared = {}

--- Are we in nginx's Lua?
---@return boolean
function shared.is_nginx()
  local ngx = package.loaded.ngx
  return type(ngx) == "table" and type(ngx.config) == "table" and ngx.config.subsystem == "http"
end

--- A dictionary of nginx.conf. Raises where there is none.
---@param name any       of the dictionary
---@param where string   the option that names it
---@return table
function shared.dictionary(name, where)
  usage.check_type(name, "string", where)
  if not shared.is_nginx() then usage.raise(where .. ": only nginx has shared dictionaries") end
  local dict = package.loaded.ngx.shared[name]
  if dict then return dict end
  usage.raise(("%s: nginx.conf has no lua_shared_dict %q: add, for example, \"lua_shared_dict %s 10m;\" to its http "
    .. "block"):format(where, name, name))
end

return shared
