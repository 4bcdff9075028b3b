# fish completion of canp; what may come next is said by `complete`, which stands beside this file or in share/canp.
set -g __canp_complete (path dirname (path resolve (status filename)) 2>/dev/null; or dirname (realpath (status filename)))/complete
test -r $__canp_complete; or set -g __canp_complete (dirname $__canp_complete)/../../canp/complete

function __canp_next
    set -l words (commandline -opc) (commandline -ct)
    sh $__canp_complete $words 2>/dev/null
end

complete -c canp -f -n 'test (count (commandline -opc)) -eq 1'
complete -c canp -a '(__canp_next)'
