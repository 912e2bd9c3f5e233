using System.Text.Json.Serialization;

namespace Btx.Trainer.Optimisation;

/// <summary>The learning rate of each step: a linear warm-up to the peak, then <see cref="ScheduleKind"/>. A pure function of
/// the step, so nothing has to be saved.</summary>
/// <param name="Peak">Largest rate.</param>
/// <param name="Minimum">Rate after the last step of a decaying schedule.</param>
/// <param name="WarmUpSteps">Steps until the peak.</param>
/// <param name="Steps">All steps, warm-up included.</param>
/// <param name="Power">Of the polynomial.</param>
public sealed record LearningRateSchedule(ScheduleKind Kind, double Peak, double Minimum, long WarmUpSteps, long Steps, double Power = 1)
{
    /// <param name="step">From 0.</param>
    public double Rate(long step)
    {
        if (step < WarmUpSteps) return Peak * (step + 1) / WarmUpSteps;
        var progress = Math.Clamp((double)(step - WarmUpSteps) / Math.Max(1, Steps - WarmUpSteps), 0, 1);
        var share = Kind switch
        {
            ScheduleKind.Constant => 1,
            ScheduleKind.Cosine => 0.5 * (1 + Math.Cos(Math.PI * progress)),
            ScheduleKind.Linear => 1 - progress,
            _ => Math.Pow(1 - progress, Power),
        };
        return Kind == ScheduleKind.Constant ? Peak : Minimum + ((Peak - Minimum) * share);
    }
}

/// <summary>How the learning rate goes on after the warm-up.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ScheduleKind>))]
public enum ScheduleKind
{
    /// <summary>Stays.</summary>
    Constant,

    /// <summary>Half a cosine down to the minimum.</summary>
    Cosine,

    /// <summary>A straight line down to the minimum.</summary>
    Linear,

    /// <summary>(1 − progress)^power down to the minimum.</summary>
    Polynomial,
}
