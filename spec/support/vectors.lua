--- The public test vectors, which are not a part of this repository. A spec that does not find them is pending.
local cjson = require "cjson"

local vectors = { root = os.getenv "DYNAMODB_VECTORS" or "../shared/vectors" }

--- The text of one file, or nil.
---@param path string    below the vectors' root
---@return string?
function vectors.read(path)
  local file = io.open(vectors.root .. "/" .. path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

--- One JSON file, decoded, or nil. JSON's null is nil's place-holder `vectors.null`.
---@param path string
---@return table?
function vectors.json(path)
  local text = vectors.read(path)
  return text and cjson.decode(text)
end

vectors.null = cjson.null
vectors.decode = cjson.decode

return vectors
