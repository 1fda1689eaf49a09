--- Busted inside this very interpreter (the busted command starts another one through a shell).
require "busted.runner"({ standalone = false })
