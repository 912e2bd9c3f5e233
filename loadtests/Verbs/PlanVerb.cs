using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Planning;

namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest plan</c>.</summary>
internal static class PlanVerb
{
    private const string Text =
        """
        How many devices serve a load, and which experts lie where: replicas of the whole forest, and experts placed by their
        load with the hot ones more than once. Costs come from a machine's data sheet, or with --run from a measured run; every
        assumption is printed. --check holds the same formulas against a run: each point's throughput, predicted from the other
        points.

        Examples:
          btx loadtest plan --expert-parameters 125M --load 50 --bandwidth 3350 --memory 80 --devices 8 --teraflops 900
          btx loadtest plan --experts 64 --expert-parameters 1.3B --precision int8 --load 20 --mix zipf:1 --choice domain --machine h100.json
          btx loadtest plan --run runs/today --fitted-parameters 280k --load 5 --experts 4,8 --precision fp32
          btx loadtest plan --run runs/today --fitted-parameters 280k --fitted-bandwidth 40 --expert-parameters 125M --load 50 --machine h100.json --json plan.json
          btx loadtest plan --check runs/today

        A machine's file: {"name": "...", "bandwidth_gb_per_s": 3350, "memory_gib": 80, "devices": 8, "teraflops": 900}, of one
        device each but devices.
        """;

    public static Command Create()
    {
        var flags = new PlanFlags();
        var machine = new Flag<string?>("--machine FILE", "file that describes the machine");
        var bandwidth = new Flag<double?>("--bandwidth GB/S", "of a device's memory, GB/s");
        var memory = new Flag<double?>("--memory GIB", "of a device, GiB");
        var devices = new Flag<int>("--devices N", "in a machine", 1);
        var teraflops = new Flag<double?>("--teraflops T", "of a device, in the precision that is served");
        var efficiency = new Flag<double>("--efficiency SHARE", "share of bandwidth and operations that is reached, without --run", 0.6);
        var overhead = new Flag<double>("--step-overhead SECONDS", "seconds of a step that no expert takes, without --run", 0.001);
        var run = new Flag<string?>("--run RUN", "take the costs from this run's directory");
        var fittedParameters = new Flag<string?>("--fitted-parameters N", "parameters of an expert of that run");
        var fittedBandwidth = new Flag<double?>("--fitted-bandwidth GB/S", "of that run's machine, GB/s: needed for another machine");
        var check = new Flag<string?>("--check RUN", "hold the formulas against this run's directory");
        var json = new JsonFlag();
        var command = new Command("plan", Text) { machine, bandwidth, memory, devices, teraflops, efficiency, overhead, run,
            fittedParameters, fittedBandwidth, check, flags.All, json };
        command.SetAction(parsed =>
        {
            var checkedRun = parsed.GetValue(check) is { } of ? StepCostFit.Check(Run(parsed, of)) : null;
            var plan = checkedRun is not null && !flags.HasLoad(parsed) ? null : Plan(parsed);
            json.Write(parsed, new PlanDocument(plan, checkedRun), [.. plan is null ? [] : PlanReport.Lines(plan),
                .. plan is null || checkedRun is null ? [] : new[] { "" }, .. checkedRun is null ? [] : PlanReport.Lines(checkedRun)]);
            return 0;
        });
        return command;

        static MeasuredRun Run(ParseResult parsed, string directory)
        {
            var measured = MeasuredRun.Load(directory);
            foreach (var fault in measured.Faults) parsed.InvocationConfiguration.Error.WriteLine($"left out: {fault}");
            return measured;
        }

        CapacityPlan Plan(ParseResult parsed)
        {
            var (experts, load, routing, rules) = (flags.Experts(parsed), flags.Load(parsed), flags.Routing(parsed), flags.Rules(parsed));
            var target = Machine(parsed);
            if (parsed.GetValue(run) is not { } directory)
            {
                if (target is null)
                    throw new LoadTestException(
                        "no machine to plan for: give --machine FILE, or --bandwidth and --memory, or "
                            + "--run RUN for the machine that was measured");
                var expert = flags.Expert(parsed, null);
                var costs = StepCosts.Of(target, expert, routing, PlanFlags.Between("--efficiency", parsed.GetValue(efficiency), 0, 1),
                    PlanFlags.Between("--step-overhead", parsed.GetValue(overhead), 0, 60, orLow: true));
                return CapacityPlanner.Plan(experts, expert, target, load, routing, costs, rules);
            }

            var parameters = ExpertSize.ReadParameters("--fitted-parameters", parsed.GetValue(fittedParameters)
                ?? throw new LoadTestException("--run needs --fitted-parameters, the size of the experts that it measured, such as 280k"));
            var planned = flags.Expert(parsed, parameters);
            var known = parsed.GetValue(fittedBandwidth) is { } b ? PlanFlags.Between("--fitted-bandwidth", b, 0, 1e6) : (double?)null;
            var (fitted, on) = StepCosts.Of(Run(parsed, directory), routing, parameters, known, planned, target);
            return CapacityPlanner.Plan(experts, planned, on, load, routing, fitted, rules);
        }

        MachineSpec? Machine(ParseResult parsed)
        {
            var (b, m) = (parsed.GetValue(bandwidth), parsed.GetValue(memory));
            if (parsed.GetValue(machine) is { } file)
                return b is null && m is null ? MachineSpec.Read(file)
                    : throw new LoadTestException("--machine and --bandwidth or --memory both describe the machine; give one of the two");
            if (b is null && m is null) return null;
            if (b is null || m is null)
                throw new LoadTestException($"{(b is null ? "--bandwidth" : "--memory")} is missing: a machine "
                    + "needs both --bandwidth and --memory");
            return new MachineSpec
            {
                Bandwidth = b.Value,
                Memory = m.Value,
                Devices = parsed.GetValue(devices),
                Teraflops = parsed.GetValue(teraflops)
            }.Checked("--bandwidth, --memory, --devices, --teraflops");
        }
    }
}
