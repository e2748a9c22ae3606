# Greets at every start of the machine.
$script = "$env:ProgramFiles\hello-guest\hello-guest.ps1"
$action = New-ScheduledTaskAction -Execute powershell.exe -Argument "-File `"$script`""
$trigger = New-ScheduledTaskTrigger -AtStartup
Register-ScheduledTask -TaskName hello-guest -Action $action -Trigger $trigger -User SYSTEM -Force
