# Stops greeting.
Unregister-ScheduledTask -TaskName hello-guest -Confirm:$false -ErrorAction SilentlyContinue
