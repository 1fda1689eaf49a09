-- What the command is told, and what it says when that makes no sense: exit code 2, before anything is sent.
local command = require "spec.support.command"
local process = require "spec.support.process"

local COMMANDS = { "migrate", "revert", "export", "import", "copy", "diff", "cost", "tail", "query", "get", "whoami" }

-- Runs it with an endpoint at which nobody is.
local function run(words)
  words.env = words.env or {}
  words.env.AWS_ENDPOINT_URL = words.env.AWS_ENDPOINT_URL or "http://127.0.0.1:1"
  return command.run(words)
end

local function refused(message, words)
  local code, output, errors = run(words)
  assert.equal(2, code, errors)
  assert.equal("", output)
  assert.matches(message, errors, 1, true)
  return errors
end

describe("dynamodb", function()
  it("--help names every command and the exit codes", function()
    local code, output, errors = run { "--help" }
    assert.same({ 0, "" }, { code, errors })
    for _, name in ipairs(COMMANDS) do assert.matches("\n   " .. name .. " +%u", output) end
    assert.matches("\n   130 +interrupted", output)
  end)

  for _, name in ipairs(COMMANDS) do
    it(name .. " --help tells its options and those of the connection", function()
      local code, output, errors = run { name, "--help" }
      assert.same({ 0, "" }, { code, errors })
      assert.matches("^Usage: dynamodb " .. name, output)
      for _, option in ipairs { "profile", "region", "endpoint-url", "output" } do
        assert.matches("\n   --" .. option .. " ", output, 1, true)
      end
    end)
  end

  it("--version tells the library's", function()
    local code, output = run { "--version" }
    assert.same({ 0, "dynamodb " .. require("dynamodb")._VERSION .. "\n" }, { code, output })
  end)

  it("refuses no command, with the usage", function()
    assert.matches("Usage: dynamodb ", refused("a command is required", {}), 1, true)
  end)

  it("refuses an unknown command, with the one that was meant", function()
    refused("Did you mean 'migrate'?", { "migrat" })
  end)

  it("refuses an unknown option, with the usage of the command", function()
    assert.matches("Usage: dynamodb get ", refused("unknown option '--speed'", { "get", "t", "pk=1", "--speed", "9" }),
      1, true)
  end)

  it("names the option whose number is none", function()
    refused("--rcu: fast is not a positive number", { "copy", "a", "b", "--rcu", "fast" })
    refused("--segments: 1.5 is not a whole number", { "copy", "a", "b", "--segments", "1.5" })
    refused("--wcu: inf is not a positive number", { "copy", "a", "b", "--wcu", "inf" })
  end)

  it("refuses a shard beyond the last one", function()
    refused("--shard: 3/2 is not I/N", { "copy", "a", "b", "--shard", "3/2" })
  end)

  it("refuses an empty name", function()
    refused("the table's name is empty", { "export", "", "file" })
    refused("--region is empty", { "whoami", "--region", "" })
    refused("--checkpoint: the name is empty", { "copy", "a", "b", "--checkpoint", "" })
  end)

  it("tells what the library refuses without the place in the program", function()
    local errors = refused("copy: source and target are the same table", { "copy", "a", "a" })
    assert.matches("^dynamodb: copy: ", errors)
  end)

  it("compares names of a table's only where both are reached alike", function()
    local code, _, errors = run { "copy", "a", "a", "--target-region", "eu-west-1" }
    assert.equal(1, code, errors)
  end)

  it("says that DynamoDB cannot be reached with exit code 1", function()
    local code, output, errors = run { "get", "t", '{"pk":"a"}' }
    assert.same({ 1, "" }, { code, output })
    assert.matches("^dynamodb: ConnectionError: ", errors)
  end)
end)

describe("dynamodb get and query", function()
  it("refuse JSON that is no object", function()
    refused("the key must be a JSON object", { "get", "t", "{pk" })
    refused("--expression-attribute-values must be a JSON object",
      { "query", "t", "pk=a", "--filter-expression", "a = :a", "--expression-attribute-values", "[1]" })
  end)

  it("refuse values without an expression that they are for", function()
    refused("there is no expression for", { "query", "t", "pk=a", "--expression-attribute-values", '{":a":1}' })
  end)

  it("refuse to read a whole table", function()
    refused("which partition?", { "query", "t" })
  end)

  it("refuse a key given twice", function()
    refused("which partition?", { "query", "t", "pk=a", "--key-condition-expression", "pk = :p" })
  end)
end)

describe("dynamodb export and import", function()
  it("refuse neither a file nor a directory, and both", function()
    for _, name in ipairs { "export", "import" } do
      refused("give either a file or --directory", { name, "t" })
      refused("give either a file or --directory", { name, "t", "file", "--directory", "d" })
    end
  end)

  it("refuse a format that there is not", function()
    refused("argument for option '--format' must be one of", { "export", "t", "file", "--format", "xml" })
  end)
end)

describe("dynamodb migrate", function()
  local map = "map = function(item) return item end"

  it("refuses a file that is not there", function()
    refused("cannot open", { "migrate", process.temporary() .. ".lua" })
  end)

  it("refuses a file that is no Lua", function()
    refused("unexpected symbol", { "migrate", command.file "return {{ ==" })
  end)

  it("refuses a file that raises", function()
    refused("cannot be run: ", { "migrate", command.file "error 'no'" })
  end)

  it("refuses a file that returns no table", function()
    refused("must return a table", { "migrate", command.file "return function() end" })
  end)

  it("refuses a migration of no table", function()
    refused("which table?", { "migrate", command.file("return { mark = 'm', " .. map .. "}") })
  end)

  it("refuses to begin without a checkpoint", function()
    refused("give --checkpoint FILE", { "migrate", command.file("return { table = 't', mark = 'm', " .. map .. "}") })
    refused("give the --checkpoint", { "revert", command.file("return { table = 't', mark = 'm', " .. map .. "}") })
  end)

  it("refuses a migration that is neither marked nor idempotent", function()
    refused("give mark", { "migrate", command.file("return { table = 't', " .. map .. "}"), "--checkpoint", "c" })
  end)

  it("refuses options in the file that are not known, and those of the command line", function()
    refused('unknown option of migrate "maps"', { "migrate", "--dry-run",
      command.file("return { table = 't', maps = 1, " .. map .. "}") })
    refused("dry_run is said on the command line", { "migrate",
      command.file("return { table = 't', dry_run = false, " .. map .. "}") })
  end)

  it("refuses a map that is none", function()
    refused("must return a function", { "copy", "a", "b", "--map", command.file "return 1" })
  end)
end)

describe("dynamodb whoami", function()
  local config = command.file [[
[profile spec]
region = eu-north-1
aws_access_key_id = AKIDPROFILE
aws_secret_access_key = secret-of-the-profile
]]

  local function whoami(words)
    words.env = { AWS_CONFIG_FILE = config, AWS_REGION = " ", AWS_ACCESS_KEY_ID = " ", AWS_SECRET_ACCESS_KEY = " " }
    local code, output, errors = run(words)
    return code, output, errors
  end

  it("tells where everything comes from, and no secret", function()
    local code, output = whoami { "whoami", "--profile", "spec" }
    local told = command.last(output)
    assert.same({ 0, "eu-north-1", "spec", "http://127.0.0.1:1/" },
      { code, told.region.value, told.profile.value, told.endpoint.value })
    assert.matches("FILE$", told.credentials.access_key_id)
    assert.is_nil(output:find("secret-of", 1, true))
  end)

  it("takes the options before its name, too; those behind it win", function()
    local _, output = whoami { "--profile", "spec", "--region", "eu-west-1", "whoami", "--region", "eu-west-2" }
    local told = command.last(output)
    assert.same({ "spec", "eu-west-2" }, { told.profile.value, told.region.value })
  end)

  it("takes an endpoint", function()
    local _, output = whoami { "whoami", "--profile", "spec", "--endpoint-url", "http://localhost:8000" }
    assert.equal("http://localhost:8000/", command.last(output).endpoint.value)
  end)

  it("writes lines for people", function()
    local _, output = whoami { "whoami", "--profile", "spec", "--output", "table" }
    assert.matches("^profile +spec %(the option profile%)\nregion +eu%-north%-1 ", output)
  end)

  it("fails with an unknown profile", function()
    local code, output, errors = whoami { "whoami", "--profile", "nobody" }
    assert.same({ 1, "" }, { code, output })
    assert.matches('no profile "nobody"', errors, 1, true)
  end)
end)

describe("the output", function()
  it("that cannot be written is a failure", function()
    local child = command.start({ "whoami", stdout = "/dev/full" })
    assert.equal(1, child:wait(60))
    assert.matches("the output cannot be written", process.read(child.stderr), 1, true)
  end)
end)
