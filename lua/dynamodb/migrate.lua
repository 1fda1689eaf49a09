--- Data migrations and what belongs to them: items changed in place, exported, imported, copied, compared, removed.
--- Every one of these jobs can be stopped and goes on where it was.
local mapper = require "dynamodb.migrate.mapper"

local migrate = {}

function migrate.run(options) return require("dynamodb.migrate.run").run(options) end
function migrate.revert(options) return require("dynamodb.migrate.revert").run(options) end

migrate.delete = mapper.DELETE

return setmetatable(migrate, { __call = function(_, options) return migrate.run(options) end })
