--- Plain JSON, one item a line, for other programs. What tells a set from a list and a binary from a string is lost.
local core = require "dynamodb.core"
local ordered = require "dynamodb.formats.ordered"

local format = { extension = "jsonl" }

---@return table writer    `write(item)` gives a text
function format.writer()
  return { write = function(item) return ordered.plain(item) .. "\n" end }
end

--- A reader of the items of a file.
---@param input dynamodb.FileInput
---@return table reader    as of dynamodb.formats.dynamodb_json
function format.reader(input)
  return {
    render = format.writer().write,
    read = function()
      local line, err
      repeat line, err = input:line() until err or not line or line:find "%S"
      if not line then return nil, err end
      local item, message = core.json_decode(line, true)
      if type(item) ~= "table" or getmetatable(item) == core.list_mt or next(item) == nil then
        return nil, message or "a line must be an object with members", line .. "\n"
      end
      return item, nil, line .. "\n"
    end,
  }
end

return format
