-- Who would ask DynamoDB, as whom, and where? Reads what any program here would read; nothing is sent to DynamoDB.
--
--   lua examples/whoami.lua [PROFILE]
local dynamodb = require "dynamodb"

local db = dynamodb.connect {
  profile = arg and arg[1],
  mfa_token = function(serial)
    io.stderr:write("code of ", serial, ": ")
    return io.read()
  end,
}

local who, err = db:whoami { timeout = 20 }
db:close()
if not who then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
print(who)
