namespace Btx.Model.Files;

/// <summary>What a name leads to, links not followed.</summary>
public enum FileKind
{
    File,
    Folder,
    Link,

    /// <summary>A pipe, a socket or a device. Who opens a pipe to read it waits for a writer, for ever.</summary>
    Special,
}
