/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespace of a guest: one PCI Express root bridge and the fixed devices of a PC.  Addresses and interrupts are those
 * of vmm/layout.h and vmm/dev/; tests/unit/acpi_test.c compares what a compiler can compare.
 *
 * There are no processor objects: the MADT lists the CPUs, and HLT is the only idle state.  There is no keyboard
 * controller either, because nobody could type on it; its reset line is reached without being announced.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "TRIVET", "TVDSDT", 1)
{
	/* Suspend to memory: SLP_TYPa, SLP_TYPb; under another name where the machine cannot do it */
	Name (\_S3, Package () { 1, 1, 0, 0 })

	/* Soft-off: SLP_TYPa, SLP_TYPb */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0, 0, 1)
				IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0000, 0x0CF7, 0, 0x0CF8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0D00, 0xFFFF, 0, 0xF300)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xC0000000, 0xFEBFFFFF, 0, 0x3EC00000)
			})

			/* Capabilities that the operating system may use: all that it asks for, but no hot plug and no ASPM. */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
				{
					CreateDWordField (Arg3, 8, CDW3)
					Local0 = CDW3 & 0x1C
					If (Arg1 != 1)
					{
						CDW1 |= 8
					}
					If (Local0 != CDW3)
					{
						CDW1 |= 0x10
					}
					CDW3 = Local0
				}
				Else
				{
					CDW1 |= 4
				}
				Return (Arg3)
			}

			/* Pin P (0-3) of device D is GSI 16 + (D + P) % 8: pci_gsi() counts its pins from 1. */
			Method (_PRT, 0, Serialized)
			{
				Local0 = Package (128) {}
				Local1 = 0
				While (Local1 < 128)
				{
					Local2 = Package (4) { 0, 0, 0, 0 }
					Local2 [0] = ((Local1 >> 2) << 16) | 0xFFFF
					Local2 [1] = Local1 & 3
					Local2 [3] = 16 + (((Local1 >> 2) + (Local1 & 3)) & 7)
					Local0 [Local1] = Local2
					Local1++
				}
				Return (Local0)
			}

			Device (ISA)
			{
				Name (_ADR, 0x001F0000)

				Device (COM1)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 1)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x03F8, 0x03F8, 1, 8)
						IRQNoFlags () { 4 }
					})
				}

				Device (COM2)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 2)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x02F8, 0x02F8, 1, 8)
						IRQNoFlags () { 3 }
					})
				}

				Device (RTC)
				{
					Name (_HID, EisaId ("PNP0B00"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0070, 0x0070, 1, 4)
						IRQNoFlags () { 8 }
					})
				}

				Device (PIT)
				{
					Name (_HID, EisaId ("PNP0100"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0040, 0x0040, 1, 4)
						IRQNoFlags () { 0 }
					})
				}

				Device (HPET)
				{
					Name (_HID, EisaId ("PNP0103"))
					Name (_UID, 0)
					Name (_CRS, ResourceTemplate ()
					{
						Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400)
					})
				}

				Device (PIC)
				{
					Name (_HID, EisaId ("PNP0000"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0020, 0x0020, 1, 2)
						IO (Decode16, 0x00A0, 0x00A0, 1, 2)
						IO (Decode16, 0x04D0, 0x04D0, 1, 2)
						IRQNoFlags () { 2 }
					})
				}
			}
		}

		/* What is taken and belongs to no other device, so that nothing is placed over it. */
		Device (BRD0)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xB0000000, 0x00100000)
				Memory32Fixed (ReadWrite, 0xFEC00000, 0x00001000)
				Memory32Fixed (ReadWrite, 0xFEE00000, 0x00001000)
				IO (Decode16, 0x0061, 0x0061, 1, 1)
				IO (Decode16, 0x0080, 0x0080, 1, 0x10)
				IO (Decode16, 0x0092, 0x0092, 1, 1)
				IO (Decode16, 0x00B2, 0x00B2, 1, 2)
				IO (Decode16, 0x0600, 0x0600, 1, 0x40)
			})
		}
	}
}
