using Btx.Trainer.Optimisation;

namespace Btx.Trainer.Tests.Optimisation;

public sealed class LearningRateScheduleTests
{
    [Theory]
    [InlineData(ScheduleKind.Constant, 55, 1.0)]
    [InlineData(ScheduleKind.Linear, 55, 0.55)]
    [InlineData(ScheduleKind.Cosine, 55, 0.55)]
    [InlineData(ScheduleKind.Cosine, 100, 0.1)]
    [InlineData(ScheduleKind.Polynomial, 55, 0.325)]
    [InlineData(ScheduleKind.Linear, 10, 1.0)]
    [InlineData(ScheduleKind.Linear, 100, 0.1)]
    public void Rates_warm_up_then_fall_as_named(ScheduleKind kind, long step, double rate)
    {
        var schedule = new LearningRateSchedule(kind, 1, 0.1, 10, 100, Power: 2);
        Assert.Equal(rate, schedule.Rate(step), 1e-12);
        Assert.Equal(0.1, schedule.Rate(0), 1e-12);
        Assert.Equal(1, schedule.Rate(9), 1e-12);
    }

    [Fact]
    public void No_warm_up_starts_at_the_peak() => Assert.Equal(1, new LearningRateSchedule(ScheduleKind.Linear, 1, 0, 0, 10).Rate(0));
}
