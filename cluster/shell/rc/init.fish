# What an interactive fish runs beside a cluster, after the user's own configuration.
contains $KUBARIUM_BIN $PATH; or set -gx PATH $KUBARIUM_BIN $PATH
kubectl completion fish | source
alias k=kubectl
complete -c k -w kubectl

# Tell the terminal what was typed and how it ended (OSC 633, as in Visual Studio Code's
# shell integration), so that a lesson can speak of it; and before it runs, where its output begins.
function __kubarium_begins --on-event fish_preexec
    printf '\e]633;C\a'
end
function __kubarium_waits --on-event fish_prompt
    printf '\e]633;A\a'
end
function __kubarium_report --on-event fish_postexec
    set -l code $status
    set -l line (string join '\\x0a' -- (string replace -a ';' '\\x3b' -- (string replace -a '\\' '\\\\' -- $argv)))
    printf '\e]633;E;%s\a\e]633;D;%s\a' "$line" $code
end
