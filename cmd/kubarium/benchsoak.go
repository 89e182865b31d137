package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kubarium/cluster/bench"
)

// maxSoak is how long a soak lasts at most, in minutes: a day.
const maxSoak = 24 * 60

func newBenchSoakCommand() *cobra.Command {
	var output string
	var minutes int
	options := bench.SoakOptions{}
	cmd := &cobra.Command{
		Use: "soak", Short: "Break, hold and rewind a new cluster at random, and remove it", Args: cobra.NoArgs,
		Long: `Break, hold and rewind a new cluster at random while pods and other objects come and go,
and let it come to rest twice a minute. At each rest everything must be whole again and
as it was acknowledged. Afterwards: what was done, what was lost, panics, and what the
program holds more in the last quarter of the time than in the second; from ten minutes on
too much of that is wrong, too. The seed repeats the same choices: with an odd one etcd has
three members, and a node a disk of its own that can be full. If anything is wrong the cluster's directory stays, with its logs.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if minutes < 1 || minutes > maxSoak {
				return fmt.Errorf("%d minutes: use 1 to %d", minutes, maxSoak)
			}
			self, dir, err := benchPlace(cmd, output)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				options.Seed = rand.Uint64()
			}
			options.Self, options.Dir, options.For = self, dir, time.Duration(minutes)*time.Minute
			options.Told = func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
			fmt.Fprintf(cmd.ErrOrStderr(), "seed %d\n", options.Seed)
			result, err := bench.RunSoak(cmd.Context(), options)
			err = errors.Join(err, result.Trouble(), tellSoak(cmd, result, output))
			if err != nil {
				return fmt.Errorf("%w\nThe seed was %d; the cluster's files are in %s", err, options.Seed, dir)
			}
			return os.RemoveAll(dir)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the result: text or json")
	cmd.Flags().IntVar(&minutes, "minutes", 10, "how long")
	cmd.Flags().Uint64Var(&options.Seed, "seed", 0, "repeat the choices of another soak; a random one unless given")
	return cmd
}

func tellSoak(cmd *cobra.Command, r bench.Soak, output string) error {
	out := cmd.OutOrStdout()
	if output == "json" {
		return json.NewEncoder(out).Encode(r)
	}
	faults := 0
	for _, n := range r.Faults {
		faults += n
	}
	fmt.Fprintf(out, "%.1f minutes, %d rounds: %d faults of %d kinds, %d holds, %d rewinds (%d of one change); %d refused\n", r.Minutes, r.Rounds, faults, len(r.Faults), r.Holds, r.Rewinds, r.Undos, r.Refused)
	fmt.Fprintf(out, "%d of %d objects lost, %d panics, whole again after at most %.1f s\n", r.Lost, r.Created, len(r.Panics), r.SlowestRest)
	fmt.Fprintf(out, "growth: %+d goroutines, %+d descriptors, %+.1f MiB live; %+d processes, %+.0f MiB in all (%+.0f of mapped files)\n",
		r.Growth.Goroutines, r.Growth.Descriptors, r.Growth.Heap, r.Processes, r.PSS, r.Files)
	return nil
}
