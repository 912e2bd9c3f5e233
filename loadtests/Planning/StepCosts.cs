using Btx.Cli;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>Seconds of a device. A decode step takes <see cref="Step"/> + <see cref="PerExpert"/>·distinct
/// experts + <see cref="PerRow"/>·rows.</summary>
/// <param name="Step">a: what a step costs whatever it runs; of a BTX model the shared parameters too (A).</param>
/// <param name="PerExpert">b or F: reading an expert's weights once.</param>
/// <param name="PerRow">Computing one token on one expert.</param>
/// <param name="PerPromptToken">Computing one token of a prompt on one expert.</param>
/// <param name="PerKvByte">Reading a byte of keys and values.</param>
/// <param name="Assumptions">Where these come from, a sentence each.</param>
public sealed record StepCosts(double Step, double PerExpert, double PerRow, double PerPromptToken, double PerKvByte,
    IReadOnlyList<string> Assumptions)
{
    /// <summary>Tokens of prompts that are computed while the weights are read once.</summary>
    private const int Chunk = 256;

    /// <summary>Share of a BTX model's expert-sized parameters that are its feed-forward layers: 8 of 12 d² in a Llama.</summary>
    public const double FeedForwardShare = 2.0 / 3;

    /// <summary>From a machine's data sheet.</summary>
    /// <param name="efficiency">Share of bandwidth and of operations that is reached.</param>
    /// <param name="step">Seconds a step that no expert takes.</param>
    public static StepCosts Of(MachineSpec machine, ExpertSize expert, PlannedRouting routing, double efficiency, double step)
    {
        var share = routing.IsMixture ? FeedForwardShare : 1;
        var whole = expert.WeightBytes / (machine.Bandwidth * 1e9 * efficiency);
        var row = machine.Teraflops is { } t ? 2 * expert.Parameters * share / (t * 1e12 * efficiency) : 0;
        return new(
            step + ((1 - share) * whole), share * whole, row, Math.Max(row, share * whole / Chunk),
                1 / (machine.Bandwidth * 1e9 * efficiency),
            [
                $"an expert's weights are read at {Quantity.Percent(efficiency)} of {Quantity.Figures(machine.Bandwidth)} GB/s: assumed, "
                    + "not measured (--run takes it from a measured run)",
                $"a step takes {Quantity.Seconds(step)} besides: assumed (--step-overhead)",
                machine.Teraflops is { } f
                    ? $"a row takes 2 operations a parameter at {Quantity.Percent(efficiency)} of {Quantity.Figures(f)} teraflops"
                    : "computing a row is free beside reading weights: true of small batches only (--teraflops)",
                $"a prompt is computed {Chunk} tokens at a time, bound by weights or by operations, whichever is slower",
            ]);
    }

    /// <summary>Time of a decode step of <paramref name="rows"/> rows on <paramref name="distinct"/> experts
    /// with keys and values of so many bytes.</summary>
    public double StepTime(double distinct, double rows, double kvBytes) =>
        Step + (PerExpert * distinct) + (PerRow * rows) + (PerKvByte * kvBytes);
}
