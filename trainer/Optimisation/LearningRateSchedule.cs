using System.Text.Json.Serialization;

namespace Btx.Trainer.Optimisation;

/// <summary>How the learning rate goes on after the warm-up: it stays, or falls to the minimum along half a cosine, along a straight line,
/// or as (1 − progress)^power.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ScheduleKind>))]
public enum ScheduleKind
{
    Constant,
    Cosine,
    Linear,
    Polynomial,
}

/// <summary>The learning rate of each step. A pure function of the step, so nothing has to be saved.</summary>
/// <param name="Minimum">Rate after the last step of a decaying schedule.</param>
public sealed record LearningRateSchedule(ScheduleKind Kind, double Peak, double Minimum, long WarmUpSteps, long Steps, double Power = 1)
{
    /// <param name="step">From 0.</param>
    public double Rate(long step)
    {
        if (step < WarmUpSteps) return Peak * (step + 1) / WarmUpSteps;
        var progress = Math.Clamp((double)(step - WarmUpSteps) / Math.Max(1, Steps - WarmUpSteps), 0, 1);
        return Kind switch
        {
            ScheduleKind.Constant => Peak,
            ScheduleKind.Cosine => Minimum + ((Peak - Minimum) * (0.5 * (1 + Math.Cos(Math.PI * progress)))),
            ScheduleKind.Linear => Minimum + ((Peak - Minimum) * (1 - progress)),
            _ => Minimum + ((Peak - Minimum) * Math.Pow(1 - progress, Power)),
        };
    }
}
